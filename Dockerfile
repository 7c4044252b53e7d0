# One file for the functions and the server, for arm64 and x86-64:
#
#   docker build --target server -t docent .
#   docker build --target worker --build-arg INDEX=index .    # with the index of the folder `index` inside
#
# Base images are pinned by the digest of their index, which holds both architectures. To move one:
#   docker buildx imagetools inspect rust:1.95.0-slim-bookworm
# Both are Debian 12: what is compiled in the one finds its C library in the other.
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f

# --- the programs -----------------------------------------------------------------------------------------------------
FROM ${RUST_IMAGE} AS sources
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY models models
COPY examples examples
ENV CARGO_TARGET_DIR=/target

# Builds of their own: in one, cargo gives every program the features that any of them asks for, and the server would carry AWS's
# SDK, the functions parsers and SQLite. Each image waits for its own; of what the functions need, two thirds are as the server
# has them. The caches live beside the layers, so that a changed line compiles one crate; hence the copies in the same step.
FROM sources AS build-server
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/target \
    cargo build --release --locked --package docent-cli --bin docent \
 && mkdir -p /out/data && cp /target/release/docent /out/

FROM sources AS build-functions
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/target \
    cargo build --release --locked --package docent-lambda --bin api --bin worker --no-default-features --features local-model \
 && mkdir /out && cp /target/release/api /target/release/worker /out/

FROM sources AS build-ingest
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/target \
    cargo build --release --locked --package docent-lambda --bin ingest --features local-model \
 && mkdir /out && cp /target/release/ingest /out/

# --- the index that is baked in, if one is named: a folder of this checkout, as `docent ingest` makes it ----------------
FROM ${RUST_IMAGE} AS index
ARG INDEX=
COPY . /context
# Lambda gives a function a user of its own, and files of an index are made for their owner alone.
RUN mkdir /index && if [ -n "${INDEX}" ]; then cp -a "/context/${INDEX}/." /index/; fi && chmod -R a+rX /index

# --- Lambda starts the file that is named here and speaks to it over its runtime API ------------------------------------
FROM ${RUNTIME_IMAGE} AS function
ENV LAMBDA_TASK_ROOT=/var/task IS_USING_IMAGE_RUNTIME=True
WORKDIR /var/task
COPY --from=index /index /var/task/index
ENTRYPOINT ["/var/task/bootstrap"]

FROM function AS api
COPY --from=build-functions /out/api /var/task/bootstrap

FROM function AS worker
COPY --from=build-functions /out/worker /var/task/bootstrap

FROM function AS ingest
COPY --from=build-ingest /out/ingest /var/task/bootstrap

# --- the server: everything that it keeps is in /data -------------------------------------------------------------------
FROM ${RUNTIME_IMAGE} AS server
ENV DOCENT_DATA=/data DOCENT_LISTEN=0.0.0.0:8080 DOCENT_LOG_FORMAT=json
COPY --from=build-server --chown=65532:65532 /out/data /data
COPY --from=build-server /out/docent /usr/local/bin/docent
USER 65532:65532
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/docent"]
CMD ["serve"]
