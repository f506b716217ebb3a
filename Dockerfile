# gpuconv in a container. Two targets, one base:
#
#   docker build --target cpu  -t gpuconv:cpu .
#   docker build --target cuda -t gpuconv .          # --build-arg CUDA=12 for a CUDA 12 driver
#   docker run --rm --gpus all --user "$(id -u)" -v "$PWD:/work" gpuconv demo
#
# The cuda target needs no CUDA base image: the compiler and the runtime come as wheels, the driver from the host
# through the NVIDIA Container Toolkit. Any Debian or Ubuntu with Python 3.11 or newer serves as BASE.
#
# Behind a proxy or with an index of your own, hand pip its configuration as secrets; neither stays in the image:
#   docker build --secret id=pip.conf,src=pip.conf --secret id=ca.pem,src=ca.pem ...
# where pip.conf names the certificates as `cert = /run/secrets/ca.pem`.

ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS python
RUN python3 -c 'import ensurepip, venv' 2>/dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*; }

FROM python AS build
COPY . /src
RUN python3 -m venv /opt/gpuconv
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem \
    /opt/gpuconv/bin/pip install --no-cache-dir '/src[cli]'

FROM build AS build-cuda
ARG CUDA=13
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem \
    /opt/gpuconv/bin/pip install --no-cache-dir "/src[cuda${CUDA}]"

FROM python AS runtime
LABEL org.opencontainers.image.title="gpuconv" org.opencontainers.image.licenses="MIT"
# Writable by everybody, so that `docker run --user` works with any user of the host.
RUN useradd --uid 1000 --no-create-home --home-dir /home/gpuconv gpuconv && install -d -m 1777 /home/gpuconv /work
ENV HOME=/home/gpuconv PATH=/opt/gpuconv/bin:$PATH
USER gpuconv
WORKDIR /work
ENTRYPOINT ["gpuconv"]
CMD ["--help"]

FROM runtime AS cpu
COPY --from=build /opt/gpuconv /opt/gpuconv

FROM runtime AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-cuda /opt/gpuconv /opt/gpuconv
