# shellcheck shell=sh
# The records of containers/storage: its JSON files. Needs nothing.

# Reads JSON files of containers/storage; `role=ROLE` before a file says what it is. Whatever it
# prints is only of use when the last line is `end`, and when there is no line `odd`.
#
#   records task=ids role=own FILE
#       The IDs of the records, one a line.
#   records task=names role=own IMAGES_JSON
#       The names of the images, also by the digests of their manifests, one a line.
#   records task=named role=ROLE IMAGES_JSON...
#       A line for each name of each image: ROLE, ID, name, with tabs between. Each file needs a role of
#       its own. An image without names has a line with an empty one.
#   records task=with role=gone NAMES role=own IMAGES_JSON
#       The file with more names: NAMES are strings as in JSON, an ID before each name. As `without`.
#   records task=without role=gone IDS role=own FILE
#       FILE without the records in IDS (strings as in JSON), all others byte for byte. No `end`,
#       but the exit code.
#   records task=plan graph=DIRECTORY kept=IDS spare=1 files=N role=mounts FILE
#           role=store LAYERS_JSON... role=layer LAYERS_JSON... role=image IMAGES_JSON
#           role=container CONTAINERS_JSON...
#       What is wrong in the read-write storage below DIRECTORY; the files of the role store are
#       those of additional stores; N are not empty. Lines of words with tabs between them:
#         gone   KIND ID NAME LAYER FILE OWN  a record in FILE, whose layer or parent is OWN, which
#                                             needs LAYER, which is nowhere
#         part   ...                          the same, of a layer that is only part of such a record
#         busy   ...                          the same, but it is mounted or among IDS
#         spared ...                          the same, of a container, and spare is not empty
#         alien  ...                          the same, but its ID is none of podman or CRI-O
#         name   image ID NAMES               no layer of its own: names for an image of a store
#       and `odd FILE REASON` for a file that is not as containers/storage writes it.
#
# A string ends at each quote, so that no line of input is long: quotes separate awk's records.
records() {
    awk '
{% include "device/doctor/records.awk" %}
' "$@"
}
