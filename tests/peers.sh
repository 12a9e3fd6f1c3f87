#!/usr/bin/env bash
# Brings the real counterparts (Prometheus, promtool, Alertmanager, node_exporter, VictoriaMetrics, dnsmasq) for the
# side-by-side tests and benches, unpacked from Debian packages, and moto, which stands in for AWS, from PyPI;
# of the machine only a link for Alertmanager's templates changes.
#
#   tests/peers.sh [DIR] [PACKAGE ...]
#
# DIR defaults to $PEERS, else the folder `peers` in the temporary directory; binaries end up in DIR/bin.
# The mirror is the one that the machine's own apt sources name; the suite is Debian's newest, whose
# Prometheus is a 3.x. What is already there is kept. Without Debian or a mirror it says so and exits 1:
# the tests then name what they skip.
set -euo pipefail
dir=${1:-${PEERS:-${TMPDIR:-/tmp}/peers}}
shift || true
packages=("$@")
[ ${#packages[@]} -gt 0 ] ||
  packages=(prometheus promtool prometheus-alertmanager prometheus-node-exporter victoria-metrics)

command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
  { echo "peers: apt-get and dpkg are needed to unpack Debian packages" >&2; exit 1; }
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  awk '!/^[[:space:]]*#/ { for (i = 1; i <= NF; i++) if (!m && $i ~ /^https?:.*\/debian\/?$/) m = $i } END { print m }' || true)
[ -n "$mirror" ] || { echo "peers: no Debian mirror in the apt sources" >&2; exit 1; }

mkdir -p "$dir/bin" "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/unpacked"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror ${PEER_SUITE:-sid} main" >"$dir/apt/sources.list"
apt=(-o "Dir::Etc::SourceList=$dir/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$dir/apt/lists" -o "Dir::Cache=$dir/apt/cache" -o APT::Sandbox::User=root)

missing=()
for package in "${packages[@]}"; do
  [ -e "$dir/unpacked/$package" ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get "${apt[@]}" -qq update
  for package in "${missing[@]}"; do
    work=$(mktemp -d "$dir/apt/XXXXXX")
    (cd "$work" && apt-get "${apt[@]}" -qq download "$package")
    dpkg -x "$work"/*.deb "$work/root"
    mv "$work/root" "$dir/unpacked/$package"
    rm -rf "$work"
  done
fi

# dnsmasq is linked with libraries, so it comes from the machine's own suite, with those that machines lack.
own=$dir/unpacked/own
if [ ! -e "$own" ]; then
  apt=(-o "Dir::State::Lists=$dir/apt/own" -o "Dir::Cache=$dir/apt/cache" -o APT::Sandbox::User=root)
  mkdir -p "$dir/apt/own/partial"
  work=$(mktemp -d "$dir/apt/XXXXXX")
  if apt-get "${apt[@]}" -qq update && (cd "$work" && apt-get "${apt[@]}" -qq download dnsmasq-base); then
    for library in libnetfilter-conntrack3 libnfnetlink0 libmnl0 libnftables1 libnftnl11 libxtables12 libjansson4; do
      (cd "$work" && apt-get "${apt[@]}" -qq download "$library") ||
        echo "peers: there is no $library here, dnsmasq may not start" >&2
    done
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
    mv "$work/root" "$own"
  else
    echo "peers: there is no dnsmasq here" >&2
  fi
  rm -rf "$work"
fi
if [ -e "$own/usr/sbin/dnsmasq" ]; then
  libraries=$(find "$own" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd :)
  rm -f "$dir/bin/dnsmasq"
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libraries" "$own/usr/sbin/dnsmasq" >"$dir/bin/dnsmasq"
  chmod +x "$dir/bin/dnsmasq"
fi
for binary in "$dir"/unpacked/*/usr/bin/* "$dir"/unpacked/*/usr/sbin/*; do
  [ -f "$binary" ] && [ "${binary#"$own"}" = "$binary" ] && ln -sf "$binary" "$dir/bin/$(basename "$binary")"
done
# Debian's Alertmanager reads its templates from a fixed place, wherever its binary lies: they are linked there,
# if that place is free and may be written.
templates=$(readlink -f "$dir/unpacked/prometheus-alertmanager/usr/share/prometheus/alertmanager" || true)
if [ -d "$templates" ] && [ ! -e /usr/share/prometheus/alertmanager ]; then
  { mkdir -p /usr/share/prometheus && ln -sfn "$templates" /usr/share/prometheus/alertmanager; } 2>/dev/null ||
    echo "peers: /usr/share/prometheus/alertmanager cannot be made, so Alertmanager will not start" >&2
fi
# What PyPI has, each in an environment of its own: NAME BINARY REQUIREMENT.
while read -r name binary requirement; do
  [ ! -e "$dir/bin/$binary" ] || continue
  { python3 -m venv "$dir/$name" && "$dir/$name/bin/pip" install --quiet "$requirement" &&
    ln -sf "$dir/$name/bin/$binary" "$dir/bin/$binary"; } ||
    echo "peers: $requirement cannot be had from PyPI, so the tests will skip what needs $binary" >&2
done <<'PYPI'
moto moto_server moto[server,ec2,sts]
PYPI
ls "$dir/bin"
