#!/usr/bin/env bash
# Builds the image of the Dockerfile into an archive, by whichever builder there is: image.sh FILE
set -euo pipefail
file=$1
name=kube-ecr-secrets-operator:dev
mkdir -p "$(dirname "$file")"
if command -v docker > /dev/null && docker info > /dev/null 2>&1; then
  docker build --tag "$name" .
  docker save --output "$file" "$name"
elif command -v buildah > /dev/null; then
  buildah build --tag "$name" .
  rm -f "$file"
  buildah push "$name" "docker-archive:$file:$name"
else
  echo 'make image needs Docker (its daemon too) or buildah, and internet access for the base image' >&2
  exit 2
fi
echo "$file; try it on a node: make e2e IMAGE=$file"
