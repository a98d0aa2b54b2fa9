# An image that contains only the service: no shell, no package manager, no root.
# Keep the Rust tag equal to rust-version in Cargo.toml, and both stages on the same Debian: the binary links its glibc.
#
# The digests fix what the tags mean. With each release, renew them for the security updates in them, and build again:
#   docker buildx imagetools inspect --format '{{.Manifest.Digest}}' gcr.io/distroless/cc-debian12:nonroot

FROM rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS build
WORKDIR /src
COPY . .
# The commit, for the log, the metrics and the label: docker build --build-arg CPSS_COMMIT=$(git rev-parse HEAD) .
ARG CPSS_COMMIT=
# The cache mounts are not part of the layer, so copy the binary out before the step ends. It has no symbols: with them it
# would be six times as large.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --features full --locked --bin cpss-registry \
    && install -D -m 0755 target/dist/cpss-registry /out/cpss-registry \
    && test "$(stat -c %s /out/cpss-registry)" -lt 30000000 \
    && install -d -m 0700 /out/data

FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
ARG CPSS_COMMIT=
# The version of Cargo.toml.
LABEL org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${CPSS_COMMIT}"
LABEL org.opencontainers.image.title="cpss-registry" \
      org.opencontainers.image.description="Registry of record for Mississippi's Certified Peer Support Specialists" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/cpss-registry /usr/local/bin/cpss-registry
# Empty directories that nonroot owns, so that new volumes mounted here are writable.
COPY --from=build --chown=65532:65532 /out/data /var/lib/cpss-registry
COPY --from=build --chown=65532:65532 /out/data /etc/cpss-registry
# nonroot, by number: Kubernetes checks runAsNonRoot against a number, and hosts may not know the name.
USER 65532:65532
VOLUME /var/lib/cpss-registry /etc/cpss-registry
# 50051: the contract over gRPC. 8443: as JSON over HTTP. 9090: health and metrics, without personal data. Do not expose 9090
# to clients.
EXPOSE 50051 8443 9090
STOPSIGNAL SIGTERM
# There is no shell to run a probe in, so the binary probes itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/cpss-registry", "healthcheck", "--endpoint", "http://127.0.0.1:9090"]
ENTRYPOINT ["/usr/local/bin/cpss-registry"]
# Run once; it fills both volumes and makes the registry:
#   docker run --rm -v cpss-etc:/etc/cpss-registry -v cpss-data:/var/lib/cpss-registry cpss-registry \
#       init /etc/cpss-registry --host registry.example.org --data-dir /var/lib/cpss-registry
CMD ["serve", "--config", "/etc/cpss-registry/config.toml", "--listen", "0.0.0.0:50051", "--http-listen", "0.0.0.0:8443", \
     "--ops-listen", "0.0.0.0:9090"]
