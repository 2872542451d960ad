# lungcam with rendering, on the CPU or with CUDA:
#   docker build -t lungcam .
#   docker build -t lungcam:cuda --build-arg TORCH=cu126 .
#   docker run --rm -v "$PWD:/work" lungcam infer ckpt=lidc scan=SCAN report=true
# TORCH is a folder of https://download.pytorch.org/whl: cpu, or a version of CUDA that the driver supports.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG TORCH=cpu
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir --no-compile --prefix /installed \
        --extra-index-url "https://download.pytorch.org/whl/${TORCH}" -c constraints.txt \
        "torch$(sed -n 's/^torch\(==[0-9.]*\).*/\1/p' constraints.txt)+${TORCH}" \
        '.[dicom,export,safetensors,sweep]'

FROM python:${PYTHON}-slim
# OpenGL without a screen: EGL and Mesa's software renderer, and OSMesa where EGL does not work
RUN apt-get update \
    && apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri libosmesa6 libxrender1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /installed /usr/local
RUN useradd --create-home lungcam && mkdir /work && chown lungcam /work
USER lungcam
WORKDIR /work
ENV MPLCONFIGDIR=/tmp/matplotlib
ENTRYPOINT ["lungcam"]
CMD ["--help"]
