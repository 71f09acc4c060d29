FROM node:24-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund && npm cache clean --force

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=modules /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
# The volumes' owner. Docker copies it when it makes a volume.
RUN mkdir -p /config /data /lab && chown node:node /data /lab
USER node
WORKDIR /data
EXPOSE 2525 9465
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "/app/src/sts-relay.js", "healthcheck"]
ENTRYPOINT ["node", "/app/src/sts-relay.js"]
CMD ["start"]
