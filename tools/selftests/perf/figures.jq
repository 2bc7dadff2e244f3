# SPDX-License-Identifier: GPL-2.0-only
# How figures are written.

# fixed(1000) is with three digits after the point.
def fixed($unit):
  (. * $unit | round) as $n | "\($n / $unit | floor).\($n % $unit + $unit | tostring | .[1:])";

def spread: "\(.low | fixed(1000)) to \(.high | fixed(1000))";
