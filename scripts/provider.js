// `npm run test:provider`: the tests against PostgreSQL 15 with the real pgq extension. Never skips them.
import { existsSync } from 'node:fs';
import { runTests } from './vitest.js';

const needed = {
  'postgresql-15': '/usr/lib/postgresql/15/bin/postgres',
  'postgresql-15-pgq3': '/usr/share/postgresql/15/extension/pgq.control',
  pgqd: '/usr/bin/pgqd',
  pgbouncer: '/usr/sbin/pgbouncer',
  'python3-pgq': '/usr/lib/python3/dist-packages/pgq',
};
const missing = Object.entries(needed).filter(([, path]) => !existsSync(path));
if (missing.length > 0) {
  const packages = missing.map(([name]) => name).join(' ');
  process.stderr.write(`Debian's ${packages} is missing: run \`apt-get install ${packages}\`.\n`);
  process.exit(1);
}
process.env.TRIBUTARY_TEST_PROVIDER = 'extension';
await runTests(['contract', 'postgres', 'scenario'], process.argv.slice(2));
