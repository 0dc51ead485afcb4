#!/bin/sh
# greenboot: are the container images of all packages there? The newest program looks, for all.
exec '@PROGRAM@/doctor' --elected --all
