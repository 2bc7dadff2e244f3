# SPDX-License-Identifier: GPL-2.0-only
# All measurements, which come as lines of JSON, as one document. A sample of one device is
# compared with vhost-net's of the same round.

def median:
  sort | length as $n |
  if $n == 0 then null
  elif $n % 2 == 1 then .[($n - 1) / 2]
  else (.[$n / 2 - 1] + .[$n / 2]) / 2 end;

# Of three samples or less the lowest and the highest.
def low: sort | .[(length - 1) * 0.25 | floor];
def high: sort | .[(length - 1) * 0.75 | ceil];

def figures:
  if length == 0 then null
  else { median: median, low: low, high: high, max: max, samples: length } |
    map_values(. * 10000 | round / 10000)
  end;

# Beside each measurement what its host was.
def with_host:
  reduce .[] as $line ({ host: {}, out: [] };
    if $line.kind == "host" then .host = $line
    else .out += [$line + { init_on_alloc: .host.init_on_alloc }] end) | .out;

def of($device): map(select(.device == $device));

def ratios($other):
  (of("vhost-net") | map({ (.round | tostring): .value }) | add) as $net |
  [of($other)[] | select(($net[.round | tostring] // 0) > 0) |
   .value / $net[.round | tostring]] | figures;

def compare:
  . as $samples | (map(.device) | unique) as $devices |
  { devices: [$devices[] | . as $d | { (.): ($samples | of($d) | map(.value) | figures) }] | add,
    ratio: [$devices[] | select(. != "vhost-net") | . as $d |
            { (.): ($samples | ratios($d)) }] | add };

def compare_all($kind; by):
  map(select(.kind == $kind)) | group_by(by) |
  map((.[0] | del(.kind, .device, .round, .value, .used_format)) + compare +
      { vhost_net_format: (of("vhost-net") | .[0].used_format) });

# Beside no polling.
def compare_modes:
  map(select(.kind == "poll")) | group_by(.what) |
  map((of("off") | map({ (.round | tostring): .value }) | add) as $off | . as $samples |
      { what: .[0].what, unit: .[0].unit,
        modes: [("off", "fixed", "adaptive") as $m |
                { ($m): ($samples | of($m) | map(.value) | figures) }] | add,
        ratio: [("fixed", "adaptive") as $m |
                { ($m): ([$samples | of($m)[] | select(($off[.round | tostring] // 0) > 0) |
                          .value / $off[.round | tostring]] | figures) }] | add });

(map(select(.kind == "host")) | .[0].kernel) as $kernel | with_host |
{ schema: 1, version: $version, kernel: $kernel, quick: ($quick == "yes"),
  instructions: compare_all("cost"; [.init_on_alloc, .case]),
  idle: (compare_all("idle"; [.init_on_alloc, .what]) | map(del(.vhost_net_format))),
  native: compare_all("native"; .case),
  polling: compare_modes,
  guests: (compare_all("guest"; .what) | map(del(.vhost_net_format, .init_on_alloc))) }
