# syntax=docker/dockerfile:1
# The bundle and its parts on a Node.js without shell and package manager. Built once, on the builder's own platform: the bundle is the same everywhere.

FROM --platform=$BUILDPLATFORM docker.io/library/node:24-trixie-slim AS build
WORKDIR /source
COPY package.json package-lock.json ./
RUN ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
COPY scripts/build.ts scripts/
COPY src src
RUN ["node", "scripts/build.ts"]

FROM gcr.io/distroless/nodejs24-debian13:nonroot
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kube-ecr-secrets-operator" \
      org.opencontainers.image.description="Keeps AWS ECR image pull secrets fresh" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/zak905/kube-ecr-secrets-operator" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /source/dist/ /
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/nodejs/bin/node", "/kube-ecr-secrets-operator.cjs"]
CMD ["run"]
