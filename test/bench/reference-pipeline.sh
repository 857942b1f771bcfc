#!/bin/bash
# What pulling costs at least with the usual programs: every layer by a pipe of its own, all layers at once, hashed before and after
# inflating, unpacked into a fresh directory. No image store, nothing recorded, nothing checked against the manifest.
#
#     reference-pipeline.sh HOST REPOSITORY TAG FOLDER
set -euo pipefail
host=$1 repository=$2 tag=$3 folder=$4
api="http://$host/v2/$repository"
layer() {
  mkdir -p "$folder/$1"
  curl -sf "$api/blobs/$1" | tee >(sha256sum >"$folder/$1.blob") | igzip -dc | tee >(sha256sum >"$folder/$1.plain") |
    tar -x --numeric-owner -C "$folder/$1"
}
manifest=$(curl -sf -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "$api/manifests/$tag")
for digest in $(grep -o '"layers".*' <<<"$(tr -d '\n' <<<"$manifest")" | grep -o 'sha256:[0-9a-f]*'); do
  layer "$digest" &
done
wait
sync -f "$folder"
