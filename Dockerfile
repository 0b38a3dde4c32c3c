# syntax=docker/dockerfile:1.7
# The image of riffle, in two sizes:
#   docker build --target riffle -t riffle .               nothing but the program and the libraries it is linked with
#   docker build --target with-ffmpeg -t riffle:ffmpeg .   the same on a small Debian with ffmpeg, which makes covers
# Both run as nobody in particular, need to write to /data only (and /tmp), and end cleanly on SIGTERM.

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# What is needed at run time, at its place: the program, its libraries and their loader, and the two folders.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked \
    && mkdir -p /image/data /image/tmp \
    && chmod 1777 /image/tmp \
    && cp target/dist/riffle /image/riffle \
    && ldd /image/riffle | grep -o '/[^ ]*' | xargs cp -L --parents -t /image

FROM scratch AS riffle
COPY --from=build /image /
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
ENV RIFFLE_LISTEN=0.0.0.0:8080 RIFFLE_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["/riffle", "healthcheck"]
ENTRYPOINT ["/riffle"]
CMD ["serve"]

FROM debian:12.12-slim AS with-ffmpeg
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /image/riffle /riffle
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
ENV RIFFLE_LISTEN=0.0.0.0:8080 RIFFLE_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["/riffle", "healthcheck"]
ENTRYPOINT ["/riffle"]
CMD ["serve"]

# The load generator, for the profile `bench` of docker-compose.yml.
FROM rust:1.95.0-bookworm AS oha
RUN cargo install oha --version 1.16.0 --locked --root /oha

FROM debian:12.12-slim AS bench
RUN apt-get update \
    && apt-get install -y --no-install-recommends curl \
    && rm -rf /var/lib/apt/lists/*
COPY --from=oha /oha/bin/oha /usr/local/bin/oha
COPY bench/url /bench/url
USER 65532:65532
ENTRYPOINT ["/bench/url"]
