#!/bin/sh
# Subject: zstd data that begins with a skippable frame, as pzstd and seekable formats write it
# Tool: zstandard 0.25.0 from PyPI
# Guess: decompress() gives the content, as `zstd -d` does; at worst it says that it cannot.
# Seen: decompress() speaks of corruption ("decompressed 0 bytes; expected 5"). decompressobj() gives
# empty bytes and no error. stream_reader() gives the content.
# Matters: a layer of such data looks broken or empty by two of three ways to read it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip zstandard==0.25.0
python3 -c '
import struct, zstandard
open("data", "wb").write(struct.pack("<II", 0x184D2A50, 5) + b"hello" + zstandard.compress(b"content"))'
same 'zstd' content "$(zstd -dc < data)"
same 'zstandard' "decompression error: decompressed 0 bytes; expected 5 | b'' | b'content'" "$(python3 -c '
import io, zstandard
data = open("data", "rb").read()
try:
    print(zstandard.decompress(data), end="")
except zstandard.ZstdError as error:
    print(error, end="")
print("", zstandard.ZstdDecompressor().decompressobj().decompress(data),
      zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read(), sep=" | ")')"
