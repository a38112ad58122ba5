# carsmoo on processors, without CUDA. Images of a user are mounted to /data, runs to /runs, which user 1000 has to own:
#   docker build --tag carsmoo .
#   docker run --rm --init -v "$PWD/photos:/data:ro" -v "$PWD/runs:/runs" carsmoo search --data folder:/data --out first
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY carsmoo carsmoo
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.12-slim
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    pip install --no-cache-dir "$(echo /wheel/carsmoo-*.whl)[report,export]"
RUN useradd --uid 1000 --create-home carsmoo && mkdir /data /runs && chown carsmoo /data /runs
ENV CARSMOO_DATA=/data
USER carsmoo
WORKDIR /runs
VOLUME ["/data", "/runs"]
ENTRYPOINT ["carsmoo"]
CMD ["--help"]
