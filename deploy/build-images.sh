#!/usr/bin/env bash
# Links the services and the command-line tool statically and makes a container image of each: fantail/gateway, fantail/parser and so
# on, and fantail/fantail.
#
#   deploy/build-images.sh [options]
#
#   --tag TAG         behind the colon; default the version of this release
#   --engine PROGRAM  podman or docker; default whichever is there, podman first
#   --compile-only    make .build-static/image, and no images
#   --images-only     make images of what was linked before
#   --no-build        link what is compiled already
#
# The objects are those of the usual build (.build/release); only the link differs.
#
# Without a Swift toolchain on this machine let a container compile, then make the images here:
#   podman run --rm -v .:/src -w /src swift:6.3-bookworm deploy/build-images.sh --compile-only
# Exit status: 0 done; 1 something is in the way; 64 a wrong option.

set -euo pipefail
SCRIPT=build-images.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly PROGRAMS=(gateway parser session group last-seen persistence media api fantail)
# Where the main function lies of those that know PostgreSQL when they are built otherwise.
declare -rA WITHOUT_POSTGRES=([persistence]=Services/Persistence/Main [fantail]=Services/Fantail/Main)
readonly SCRATCH=$ROOT/.build-static
readonly IMAGE_DIR=$SCRATCH/image
readonly RELEASE=$ROOT/.build/release

main() {
  read_arguments "$@"
  if [[ -n $WITH_COMPILE ]]; then compile; fi
  if [[ -n $WITH_IMAGES ]]; then make_images; fi
}

read_arguments() {
  TAG='' ENGINE='' WITH_BUILD=1 WITH_COMPILE=1 WITH_IMAGES=1
  while (($# > 0)); do
    case $1 in
      --tag | --engine)
        if [[ $1 == --tag ]]; then TAG=$(option_value "$@"); else ENGINE=$(option_value "$@"); fi
        shift
        ;;
      --compile-only) WITH_IMAGES='' ;;
      --images-only) WITH_COMPILE='' ;;
      --no-build) WITH_BUILD='' ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  [[ -z $ENGINE ]] || command -v "$ENGINE" >/dev/null || die "$ENGINE is not on this machine"
  [[ -n $ENGINE || -z $WITH_IMAGES ]] || ENGINE=$(command -v podman || command -v docker) ||
    die 'neither podman nor docker is on this machine. Debian: apt-get install -y podman'
}

# compile: the executables hold everything they need, the C library included, and no symbols.
compile() {
  local log=$SCRATCH/build.log program
  require_swift
  mkdir -p -- "$SCRATCH" "$IMAGE_DIR/data"
  require_libraries "$SCRATCH/install.log"
  [[ -z $WITH_BUILD ]] || say 'Compiling. The first time takes some minutes; most of them go into the first program ...'
  : >"$log"
  for program in "${PROGRAMS[@]}"; do
    make_executable "$program" >>"$log" 2>&1 || {
      indented "$log" "$SHOWN_LINES" >&2
      die "compiling $program failed; everything the compiler said is in $log"
    }
    [[ -z $WITH_BUILD ]] || say "$program is linked"
  done
  # An empty folder with the owner that the image wants: volumes take both over.
  chmod 0755 -- "$IMAGE_DIR/data"
}

make_executable() {
  if [[ -n $WITH_BUILD ]]; then swift build --package-path "$ROOT" -c release --product "$1" || return 1; fi
  link_statically "$1"
}

# link_statically PROGRAM: from the list of objects that SwiftPM linked, unless that was done since. It names the main function of a
# program after its module, so that tests may have several.
link_statically() {
  local objects=$RELEASE/$1.product/Objects.LinkFileList
  [[ ! $IMAGE_DIR/$1 -nt $RELEASE/$1 ]] || return 0
  if [[ -n ${WITHOUT_POSTGRES[$1]:-} ]]; then without_postgres "$1" "$objects" >"$SCRATCH/$1.objects" && objects=$SCRATCH/$1.objects || return 1; fi
  swiftc -static-executable -o "$IMAGE_DIR/$1" "@$objects" \
    -Xlinker --gc-sections -Xlinker --strip-all -Xlinker "--defsym=main=${1//-/_}_main"
}

# without_postgres PROGRAM OBJECTS: the list for one that has SQLite only: Debian's libpq needs libraries that come as shared ones
# alone. The program's own files are compiled anew for that.
without_postgres() {
  local maps=() map package
  # System libraries', and those that SwiftPM wrote for our few files of C.
  for map in "$ROOT"/Shared/*/module.modulemap "$RELEASE"/*.build/module.modulemap; do maps+=(-Xcc "-fmodule-map-file=$map"); done
  # SwiftPM calls the package after its folder, and what is for the package alone is for those who give the same name.
  package=$(sed -nE 's/.*"-package-name","([^"]*)".*/\1/p' "$ROOT/.build/release.yaml" | sed 1q)
  swiftc -c -O -wmo -swift-version 6 -module-name "$1" -package-name "$package" -D WITHOUT_POSTGRES -I "$RELEASE/Modules" "${maps[@]}" \
    -Xfrontend -entry-point-function-name -Xfrontend "${1}_main" -o "$SCRATCH/$1.o" "$ROOT/${WITHOUT_POSTGRES[$1]}"/*.swift >&2 || return 1
  grep -v -e '/PostgresStore\.build/' -e "/$1\.build/" -- "$2"
  printf '%s\n' "$SCRATCH/$1.o"
}

make_images() {
  local program
  [[ -n $TAG ]] || TAG=$("$IMAGE_DIR/gateway" --version | sed -E 's/.* //')
  for program in "${PROGRAMS[@]}"; do
    "$ENGINE" build --quiet --pull=never --network=none -f "$ROOT/deploy/Containerfile" --target "$program" -t "fantail/$program:$TAG" \
      "$ROOT" >>"$SCRATCH/images.log" 2>&1 || {
      indented "$SCRATCH/images.log" "$SHOWN_LINES" >&2
      die "making the image of $program failed; everything $ENGINE said is in $SCRATCH/images.log"
    }
    say "fantail/$program:$TAG  $(($(stat -c %s -- "$IMAGE_DIR/$program") / 1024 / 1024)) MiB"
  done
}

main "$@"
