#!/usr/bin/env bash
# What the container image costs: its size, the time from `docker run` to the second readiness line, and the resident
# memory of a container that nobody uses. Removes what it starts. ROUNDS containers, one after the other (default 10).
set -euo pipefail

image=${FIREDRILL_IMAGE:-firedrill/sqlsim}:latest
rounds=${ROUNDS:-10}
name=firedrill-bench-$$
trap 'docker rm --force --volumes "$name" >/dev/null 2>&1 || true' EXIT

printf 'image size          %s bytes\n' "$(docker image inspect --format '{{.Size}}' "$image")"
for ((round = 1; round <= rounds; round++)); do
  begun=$(date +%s%N)
  docker run --detach --pull never --name "$name" --hostname bench \
    --env ACCEPT_EULA=Y --env MSSQL_SA_PASSWORD=Bench-0nly "$image" >/dev/null
  until docker logs "$name" 2>&1 | grep -q 'Recovery is complete.'; do :; done
  printf 'run to readiness    %d ms\n' $((($(date +%s%N) - begun) / 1000000))
  if ((round == rounds)); then
    sleep 2
    process=$(docker inspect --format '{{.State.Pid}}' "$name")
    awk '/^(VmRSS|RssAnon|RssFile)/ { printf "idle %-14s %s kB\n", $1, $2 }' "/proc/$process/status"
  fi
  docker rm --force --volumes "$name" >/dev/null
done
