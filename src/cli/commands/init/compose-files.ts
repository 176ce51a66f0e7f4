// What `init --compose` writes: the package's own file for Docker Compose, and a shards.yaml that fits it.
import { readFileSync } from 'node:fs';
import { packagePath } from '../../../lifecycle/package-root.ts';

/** Without the head that says how to use it from where it is. */
export function composeYaml(): string {
  const text = readFileSync(packagePath('deploy', 'container', 'compose.yaml'), 'utf8');
  return `# One shard, a central database and Tributary, to be tried on one machine: docker compose up --build
# It takes the Dockerfile of the package, which needs package.json, package-lock.json and handlers/ beside this file.
${text.replace(/^(#.*\n)+/, '')}`;
}

export const COMPOSED_SHARDS = `# For compose.yaml, whose services are called central and shard.
central: postgresql://postgres@central/central
shards: [postgresql://postgres@shard/app]
# Every machine, which is every container, may move every shard.
defaults: { password: !env PGPASSWORD, host: any }
queues:
  orders: { create: true, workers: 2, handler: ./handlers/orders.mjs }
`;
