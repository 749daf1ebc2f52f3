# MMPart without a GPU: flows, Prefect workers, Dask schedulers and CPU workers.
#   docker build -f deployments/docker/cpu.Dockerfile -t mmpart:cpu .
FROM python:3.11-slim-bookworm

# libgl1 and libglib2.0-0: OpenCV and the mesh packages; tini: signals reach the process
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 libgomp1 git tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE ./
# The lock names torch without a build; this index has the one without CUDA.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu \
        "$(grep '^torch==' requirements.lock)" "$(grep '^torchvision==' requirements.lock)" \
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
CMD ["mmpart", "doctor"]
