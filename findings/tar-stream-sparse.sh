#!/bin/sh
# Subject: a sparse file in a tar by GNU tar (--sparse --format=pax)
# Tools: tar-stream 3.2.2 from npm; GNU tar as installed
# Guess: name, size and content of the file; or an error, as for other types that it does not know.
# Seen: a regular file named ./GNUSparseFile.PID/disk, of the size of the map and the data, with the
# map's digits as its first bytes. No error.
# Matters: layers of virtual machine images and databases have sparse files; a tool in JavaScript that
# unpacks them writes nonsense under another name.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}

npm install --silent --prefix "$work" tar-stream@3.2.2 > /dev/null
truncate -s 1M disk
printf data | dd of=disk bs=1 seek=500000 conv=notrunc status=none
tar --format=pax --sparse -cf layer.tar disk
same 'tar' 1048576 "$(tar -tvf layer.tar | awk '{ print $3 }')"
cat > read.js << 'END'
const extract = require('tar-stream').extract()
extract.on('entry', (header, stream, next) => {
  let content = ''
  stream.on('data', (chunk) => { content += chunk })
  stream.on('end', () => {
    console.log(header.name.replace(/[.][0-9]+/, '.PID'), header.type, header.size, JSON.stringify(content.slice(0, 2)))
    next()
  })
})
require('fs').createReadStream('layer.tar').pipe(extract)
END
same 'tar-stream' './GNUSparseFile.PID/disk file 4608 "2\n"' "$(node read.js)"
