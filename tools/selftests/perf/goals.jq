# SPDX-License-Identifier: GPL-2.0-only
# What is to be reached, and whether it is: a line for each, its fields between tabs.

include "figures";

def name: "\(.case), init_on_alloc \(if .init_on_alloc then "on" else "off" end)";

def row($goal; $limit; $measured; $reached):
  [$goal, $limit, $measured, if $reached then "reached" else "not reached" end] | @tsv;

def unmeasured($goal; $limit): [$goal, $limit, "not measured", "-"] | @tsv;

# The highest of the ratios of these cases, with init_on_alloc on, off or both.
def at_most($goal; $limit; $names; $init):
  [.instructions[] | select((.case | IN($names[])) and (.init_on_alloc | IN($init[])))] |
  if length == 0 then unmeasured($goal; "at most \($limit | fixed(100))")
  else max_by(.ratio.vhostx.median) |
    row($goal; "at most \($limit | fixed(100))";
      "\(.ratio.vhostx.median | fixed(1000)) (\(.devices.vhostx.median | round) of \(.devices["vhost-net"].median | round)" +
      if ($names | length) * ($init | length) > 1 then ": \(name))" else ")" end;
      .ratio.vhostx.median <= $limit)
  end;

def guest($goal; $what; $limit; $more):
  (if $more then "at least" else "at most" end + " \($limit | fixed(100))") as $text |
  [.guests[] | select(.what == $what)] |
  if length == 0 then unmeasured($goal; $text)
  else .[0].ratio.vhostx as $r |
    row($goal; $text;
      "\($r.median | fixed(1000)) (\($r | spread), \($r.samples) pairs)" +
      if $r.low < $limit and $limit < $r.high then ", unclear" else "" end;
      if $more then $r.median >= $limit else $r.median <= $limit end)
  end;

def is_rate: .unit | IN("packets/s", "Mb/s");

# Those that lose: by as little as shows, or in more than the spread by a clock.
def losing:
  [.instructions[] | select(.ratio.vhostx.median >= 1.0005) |
   "\(name): \(.ratio.vhostx.median | fixed(1000))"] +
  [.native[]? | select(.ratio.vhostx.low > 1) |
   "\(.case), native: \(.ratio.vhostx.median | fixed(1000)) (\(.ratio.vhostx | spread))"] +
  [.guests[] | . as $g | "vhostx", "vhostx-packed" | . as $device | $g.ratio[$device] |
   select(. != null) | select(if $g | is_rate then .high < 1 else .low > 1 end) |
   "\($g.what), \($device): \(.median | fixed(1000)) (\(spread))"];

# Of one direction: how much more the dearest table costs than the cheapest.
def regions($direction):
  "cost per packet from 1 to 509 regions, \($direction)" as $goal |
  [.instructions[] | select(.init_on_alloc and .direction == $direction and .bytes == 64 and
    .pairs == 1 and .parts == 1 and .format == "split" and (.iotlb or .scattered | not) and
    .sink != "stack" and .burst == (if $direction == "tx" then 256 else 128 end)) |
   .devices.vhostx.median] |
  if length < 3 then unmeasured($goal; "flat within 3 %")
  else (max / min - 1) * 100 |
    row($goal; "flat within 3 %"; "\(. * 10 | round / 10) %"; . <= 3)
  end;

def wakeups($goal; $list; $what):
  [$list[] | select(.what == $what)] |
  if length == 0 then unmeasured($goal; "0")
  else (map(.devices.vhostx.max) | max) as $x |
    row($goal; "0"; "\($x) (vhost-net \(map(.devices["vhost-net"].max) | max))"; $x == 0)
  end;

def memory($when):
  "memory per device, 2 queues of 256, \($when)" as $goal |
  [.idle[] | select(.what == "memory, \($when)")] |
  if length == 0 then unmeasured($goal; "below vhost-net's")
  else .[0].devices |
    row($goal; "below vhost-net's";
      "\(.vhostx.median | round) KiB (vhost-net \(.["vhost-net"].median | round) KiB)";
      .vhostx.median < .["vhost-net"].median)
  end;

(.instructions + (.native // []) | length) as $cases | (.guests | length) as $figures | losing as $losing |
at_most("TX 64 B, burst 256, XDP_DROP, init_on_alloc on"; 0.50; ["tx 64 burst 256 drop"]; [true]),
at_most("TX 64 B, burst 256, XDP_DROP, init_on_alloc off"; 0.65; ["tx 64 burst 256 drop"]; [false]),
at_most("TX 64 B, burst 256, stack, init_on_alloc on"; 0.75; ["tx 64 burst 256 stack"]; [true]),
at_most("TX 64 B, burst 256, stack, init_on_alloc off"; 0.80; ["tx 64 burst 256 stack"]; [false]),
at_most("TX 64 B, burst 1, both sinks"; 0.80; ["tx 64 burst 1 drop", "tx 64 burst 1 stack"]; [true, false]),
at_most("RX 64 B, burst 128, init_on_alloc on"; 0.75; ["rx 64 burst 128"]; [true]),
at_most("RX 64 B, burst 128, init_on_alloc off"; 0.80; ["rx 64 burst 128"]; [false]),
at_most("RX 64 B, burst 1, init_on_alloc on"; 0.75; ["rx 64 burst 1"]; [true]),
at_most("RX 64 B, burst 1, init_on_alloc off"; 0.80; ["rx 64 burst 1"]; [false]),
at_most("TX 1500 B, burst 256, XDP_DROP, init_on_alloc on"; 0.80; ["tx 1500 burst 256 drop"]; [true]),
at_most("TX 1500 B, burst 256, XDP_DROP, init_on_alloc off"; 0.80; ["tx 1500 burst 256 drop"]; [false]),
at_most("TX 1500 B, burst 256, stack, init_on_alloc on"; 0.80; ["tx 1500 burst 256 stack"]; [true]),
at_most("TX 1500 B, burst 256, stack, init_on_alloc off"; 0.80; ["tx 1500 burst 256 stack"]; [false]),
at_most("RX 1500 B, burst 128, either"; 0.80; ["rx 1500 burst 128"]; [true, false]),
guest("L2 pktgen rate"; "pktgen, 60 bytes"; 1.3; true),
guest("L2 TCP stream, guest to host"; "TCP, guest to host"; 1.15; true),
guest("L2 TCP stream, guest from host"; "TCP, guest from host"; 1.15; true),
guest("L2 request/response, p50, no polling"; "request/response, no polling, p50"; 0.95; false),
guest("L2 request/response, p99, no polling"; "request/response, no polling, p99"; 0.95; false),
guest("L2 request/response, p50, adaptive polling"; "request/response, adaptive polling, p50"; 0.70; false),
guest("L2 request/response, p99, adaptive polling"; "request/response, adaptive polling, p99"; 0.70; false),
row("any case measured, of \($cases) and \($figures) in L2"; "never above 1.00";
  "\($losing | length) lose"; $losing == []),
regions("tx"), regions("rx"),
wakeups("idle guest, wake-ups"; .guests; "idle guest, wake-ups"),
wakeups("idle device, wake-ups"; .idle; "wake-ups of an idle device"),
memory("after one frame"), memory("after a full ring"), memory("at rest after long frames"),
($losing[] | ["  loses", "-", ., "-"] | @tsv)
