#!/bin/sh
# Agreement with llama.cpp on the same model files: greedy continuations, logits, distributions.
#
#   benchmarks/llama_agreement/run.sh LLAMA_CPP MODEL...
#
# LLAMA_CPP is a llama.cpp source folder with a finished build in LLAMA_CPP/build. Prints one line of
# JSON per model and cache: llama.cpp's defaults (f16, flash attention), then f32 without it.
# Environment: SELVEDGE_BUILD (build), PROMPTS (prompts.txt beside this script), STEPS (64),
# THREADS (1), LORA (a GGUF adapter that both apply).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
llama=${1:?usage: run.sh LLAMA_CPP MODEL...}
shift
build=${SELVEDGE_BUILD:-$here/../../build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --build "$build" --target llama_agreement >"$scratch/log" || { cat "$scratch/log"; exit 1; }

library() { find "$llama/build" -name "lib$1.so" -o -name "lib$1.a" | sort | tail -n 1; }
libraries=
for name in llama ggml ggml-cpu ggml-base; do
  file=$(library "$name")
  [ -n "$file" ] || continue
  libraries="$libraries $file -Wl,-rpath,$(dirname "$file")"
done
# shellcheck disable=SC2086  # one argument each
${CXX:-c++} -std=c++17 -O2 -I"$llama/include" -I"$llama/ggml/include" "$here/reference.cc" \
  -o "$scratch/reference" $libraries -fopenmp -lpthread -ldl

for model in "$@"; do
  for cache in f16 f32; do
    "$scratch/reference" "$model" "${STEPS:-64}" "${THREADS:-1}" "$cache" \
      ${LORA:+"$LORA"} <"${PROMPTS:-$here/prompts.txt}" >"$scratch/logits"
    printf '%s, llama.cpp with %s cache: ' "$(basename "$model")" "$cache"
    "$build/benchmarks/llama_agreement" "$model" "$scratch/logits" "${THREADS:-1}" \
      ${LORA:+"$LORA"}
  done
done
