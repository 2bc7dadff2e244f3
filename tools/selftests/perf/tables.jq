# SPDX-License-Identifier: GPL-2.0-only
# Tables of the document, as lines of CSV: $table names which.

include "figures";

def ratio:
  if . == null then "-"
  elif (.low | fixed(1000)) == (.high | fixed(1000)) then .median | fixed(1000)
  else "\(.median | fixed(1000)) (\(spread))" end;

def number: if . == null then "-" elif . >= 100 then round else . * 100 | round / 100 end;

# One line for each case, with init_on_alloc on and off beside each other.
def instructions(f):
  [.instructions[] | select(f)] | group_by(.case) |
  sort_by(.[0] | [.direction == "rx", .bytes, .burst, .sink, .format, .parts, .buffers, .pairs,
                  .regions, .scattered, .iotlb])[] |
  ([.[] | select(.init_on_alloc)][0]) as $on | ([.[] | select(.init_on_alloc | not)][0]) as $off |
  [.[0].case + (if .[0].vhost_net_format != .[0].format then " [#plain]_" else "" end),
   ($on | .devices["vhost-net"].median, .devices.vhostx.median | number),
   ($on | .ratio.vhostx | ratio),
   ($off | .devices["vhost-net"].median, .devices.vhostx.median | number),
   ($off | .ratio.vhostx | ratio)];

def plain: .parts == 1 and .buffers == 1 and .pairs == 1 and .regions == 1 and
  .format == "split" and (.iotlb | not);

def native:
  .native | sort_by([.direction == "rx", .bytes, .burst, .sink, .format, .parts])[] |
  [.case + (if .vhost_net_format != .format then " [#plain]_" else "" end),
   (.devices["vhost-net"].median, .devices.vhostx.median | number), (.ratio.vhostx | ratio)];

def with_unit: "\(.what), \(.unit)";

def of($device): .devices[$device].median | number;

(if $table == "tx" then instructions(plain and .direction == "tx")
 elif $table == "rx" then instructions(plain and .direction == "rx")
 elif $table == "more" then instructions(plain | not)
 elif $table == "native" then native
 elif $table == "guests" then
   .guests[] | [with_unit, .devices.vhostx.samples, of("vhost-net"), of("vhostx"),
                (.ratio.vhostx | ratio), of("vhostx-packed"), (.ratio["vhostx-packed"] | ratio)]
 elif $table == "peers" then
   .guests[] | [with_unit, (.devices.qemu.samples // "-"), of("vhost-net"), of("qemu"),
                (.ratio.qemu | ratio), of("dpdk"), (.ratio.dpdk | ratio)]
 elif $table == "idle" then
   .idle[] | select(.init_on_alloc) | [with_unit, of("vhost-net"), of("vhostx")]
 elif $table == "polling" then
   .polling[] | [with_unit, (.modes.off.median, .modes.fixed.median | number), (.ratio.fixed | ratio),
                 (.modes.adaptive.median | number), (.ratio.adaptive | ratio)]
 else error("no table \($table)") end) | @csv
