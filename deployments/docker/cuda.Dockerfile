# MMPart on NVIDIA GPUs: Dask workers with one GPU each, or a single machine with all of it.
#   docker build -f deployments/docker/cuda.Dockerfile -t mmpart:cuda .
#   docker run --gpus all --shm-size 8g mmpart:cuda mmpart doctor
FROM nvidia/cuda:12.8.1-runtime-ubuntu22.04

ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends software-properties-common \
    && add-apt-repository -y ppa:deadsnakes/ppa \
    && apt-get install -y --no-install-recommends python3.11 python3.11-venv python3.11-dev \
        build-essential libgl1 libglib2.0-0 libgomp1 git tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
RUN python3.11 -m venv /opt/mmpart
ENV PATH=/opt/mmpart/bin:$PATH
COPY requirements.lock pyproject.toml README.md LICENSE ./
# PyPI's torch brings the CUDA libraries it was built with.
RUN pip install --no-cache-dir "$(grep '^torch==' requirements.lock)" "$(grep '^torchvision==' requirements.lock)" \
    && pip install --no-cache-dir --no-deps --requirement requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps . \
    && useradd --create-home --uid 1000 mmpart \
    && mkdir /data && chown mmpart /data
USER 1000
ENV MMPART_CHECKOUT=/app \
    MMPART_STORE=/data/store \
    OMP_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=1
VOLUME /data
ENTRYPOINT ["tini", "--"]
CMD ["dask", "worker", "tcp://scheduler:8786", "--nthreads", "2", "--resources", "GPU=1 CPU=2 API=2", \
     "--preload", "deployments.worker_preload", "--no-dashboard"]
