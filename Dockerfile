# The image that the Astro CLI builds for the laptop (`astro dev start`) and for a deployment (`astro deploy`).
#
# Not tried: there is no Docker on the developers' machines, so neither this file nor docker-compose.override.yml has been
# built or started. What can be checked without Docker is checked in tests/architecture: that this tag, requirements.txt and
# the Airflow that the tests run on agree in their minor version, and that the names and ports agree with the other files.
#
# The tag: runtime 3.3-8 carries Airflow 3.3.2. Its images come with Python 3.12, 3.13 and 3.14, not with the 3.11 that the
# tests run on; 3.12 is the nearest, and requirements.txt is resolved for every Python from 3.11 on.
# The base image installs requirements.txt and packages.txt by itself. packages.txt is empty: ffmpeg and everything else
# that is not Python comes inside wheels.
FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12
