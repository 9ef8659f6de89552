#!/usr/bin/env bash
# Makes this checkout runnable: system libraries, .venv, locked packages.
#   scripts/setup.sh run     what desk and server need
#   scripts/setup.sh tests   that, and what tests, checks and the tour need
#   scripts/setup.sh bench   that, and what measures speech quality, built from source
# Safe to repeat; does nothing when all is in place. Never needs root for more than apt.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}

run_packages=(
  python3-venv libportaudio2 libegl1 libgl1 libglib2.0-0 libfontconfig1 libdbus-1-3
  libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1
  libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1
)
tour_packages=(
  chromium xvfb iproute2 util-linux gcc libc6-dev pulseaudio pulseaudio-utils libasound2-plugins
  nodejs
)
test_packages=("${tour_packages[@]}" firefox-esr coturn postgresql)
bench_packages=("${test_packages[@]}" python3-dev)
wanted=("${run_packages[@]}")
# Without a display "make run" shows the tour, which wants a browser to play the patient.
if [[ $what == bench ]]; then wanted+=("${bench_packages[@]}")
elif [[ $what == tests ]]; then wanted+=("${test_packages[@]}")
elif [[ -z ${DISPLAY:-} && -z ${WAYLAND_DISPLAY:-} ]]; then wanted+=("${tour_packages[@]}")
fi

missing=()
if command -v dpkg-query >/dev/null; then
  for package in "${wanted[@]}"; do
    # A program that is here in another way (a newer node, another chromium build) will do.
    case $package in
      nodejs) command -v node >/dev/null && continue ;;
      gcc) command -v gcc >/dev/null && continue ;;
      postgresql) compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null && continue ;;
    esac
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $state == installed ]] || missing+=("$package")
  done
else
  echo "setup: not a Debian or Ubuntu system; please install yourself: ${wanted[*]}" >&2
fi
if ((${#missing[@]})); then
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  if [[ $(id -u) == 0 ]]; then as_root=(env)
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo)
  else
    echo "setup: some system packages are missing. Run this one line as root, then try again:" >&2
    echo "  apt-get update && $install" >&2
    exit 2
  fi
  echo "setup: installing ${#missing[@]} system packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names, on purpose
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" $install -qq >build-setup.log 2>&1 || {
    cat build-setup.log >&2; rm -f build-setup.log
    echo "setup: apt failed. Repair it, or run as root: apt-get update && $install" >&2
    exit 2
  }
  rm -f build-setup.log
fi

case $what in
  bench) locks=(requirements/all.txt requirements/bench.txt) ;;
  tests) locks=(requirements/all.txt) ;;
  *) locks=(requirements/run.txt) ;;
esac
fingerprint_of() { cat "$@" pyproject.toml scripts/setup.sh | sha256sum | cut -d' ' -f1; }
stamp=.venv/.installed-$what
fingerprint=$(fingerprint_of "${locks[@]}")
if [[ -f $stamp && $(cat "$stamp") == "$fingerprint" ]]; then exit 0; fi

if [[ ! -x .venv/bin/python ]]; then
  python=""
  for candidate in python3.11 python3.12 /usr/bin/python3 python3; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
        2>/dev/null; then
      python=$candidate
      break
    fi
  done
  if [[ -z $python ]]; then
    echo "setup: Python 3.11 or 3.12 with venv is needed. On Debian 12: apt-get install python3-venv" >&2
    exit 2
  fi
  echo "setup: making .venv with $("$python" --version)"
  "$python" -m venv .venv
fi
for lock in "${locks[@]}"; do
  echo "setup: installing locked packages from $lock (some minutes the first time)"
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$lock" 2>&1 |
    { grep -v '^WARNING: Location' || true; }
  [[ ${PIPESTATUS[0]} == 0 ]] || { echo "setup: pip failed, see above" >&2; exit 2; }
done
# The product itself is used from its sources; a path file needs no build step and no network.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
printf '%s\n' "$PWD/src" >"$site/telemed_desk_checkout.pth"
for command in telemed-desk:telemed_desk telemed-server:telemed_server; do
  printf '#!%s/.venv/bin/python\nfrom %s.cli import main\nraise SystemExit(main())\n' \
    "$PWD" "${command#*:}" >".venv/bin/${command%%:*}"
  chmod +x ".venv/bin/${command%%:*}"
done
echo "$fingerprint" >"$stamp"
# What benchmarks need includes what tests need, and that what running needs.
if [[ $what != run ]]; then fingerprint_of requirements/run.txt >.venv/.installed-run; fi
if [[ $what == bench ]]; then fingerprint_of requirements/all.txt >.venv/.installed-tests; fi
echo "setup: done"
