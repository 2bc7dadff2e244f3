# SPDX-License-Identifier: GPL-2.0-only
# Points of the plots, their fields between tabs: $plot names which, $case the line in it.

def like($words): [.instructions[] | select(.init_on_alloc)] as $all |
  [$all[] | select(.format == "split" and .parts == 1 and .buffers == 1 and (.iotlb | not) and
    .bytes == 64 and .direction == $words[0] and .sink == $words[1])];

def line(f): sort_by(f) | .[] | [f, .devices["vhost-net"].median, .devices.vhostx.median] | @tsv;

($case / " ") as $words | (if $words[0] == "tx" then 256 else 128 end) as $burst |
if $plot == "burst" then
  like($words) | map(select(.pairs == 1 and .regions == 1)) | line(.burst)
elif $plot == "queues" then
  like($words) | map(select(.burst == $burst and .regions == 1)) | line(.pairs)
elif $plot == "regions" then
  like($words) | map(select(.burst == $burst and .pairs == 1 and (.scattered | not))) | line(.regions)
elif $plot == "scattered" then
  like($words) | map(select(.burst == $burst and .pairs == 1 and (.scattered or .regions == 1))) |
  line(.regions)
elif $plot == "ratios" then
  [.instructions[] | select(.init_on_alloc)] | sort_by(-.ratio.vhostx.median)[] |
  [.case, .ratio.vhostx.median] | @tsv
else error("no plot \($plot)") end
