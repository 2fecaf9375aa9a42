# The bot's image. Build: docker build --tag flytower .
# Run: docker run --volume flytower:/data --volume ./flytower.toml:/etc/flytower/flytower.toml:ro --env-file … flytower

FROM python:3.13-slim-trixie AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# The dependencies first, in a layer that changes only with the lock file.
RUN python -m venv /opt/flytower
COPY requirements.lock ./
RUN /opt/flytower/bin/pip install --require-hashes --only-binary :all: --requirement requirements.lock

# The lock of the development tools holds setuptools with its hashes; the build takes that version and no other.
COPY pyproject.toml requirements-dev.lock README.md LICENSE ./
COPY bot bot
COPY commands commands
COPY jobs jobs
RUN /opt/flytower/bin/pip install --no-deps --build-constraint requirements-dev.lock .

# sqlite-utils names pip as a dependency for a command that the bot does not have.
RUN /opt/flytower/bin/python -m pip uninstall --yes pip \
    && /opt/flytower/bin/python -m compileall -q /opt/flytower/lib


FROM python:3.13-slim-trixie

RUN useradd --system --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin flytower \
    && install --directory --owner flytower --group flytower /data \
    && install --directory /etc/flytower

# The same path and the same interpreter as in the first stage: a venv cannot be moved.
COPY --from=build /opt/flytower /opt/flytower
ENV PATH=/opt/flytower/bin:$PATH

# The base image comes without the bytecode of the standard library. Importing the bot once as root writes what the bot
# needs of it, so that no start compiles anything. It also shows that the bot runs without pip.
RUN flytower version

# HOME: one of the libraries asks for it when it is imported, also where a host runs us under a user of its own.
ENV HOME=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8080 \
    FLYTOWER_DATABASE=/data/flytower.db \
    FLYTOWER_LOG_FORMAT=json

# By number, so that a host can see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM

# Alive, no more: /readyz also fails while the bot starts, and restarting it then would not help.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]

ENTRYPOINT ["flytower"]
CMD ["serve", "--config", "/etc/flytower/flytower.toml"]
