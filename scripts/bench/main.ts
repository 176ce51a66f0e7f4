// npm run bench -- NAME: measures one thing against its reference in the same run. Needs Debian's psql for the raw pipe.
import { forward } from './forward.ts';

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  forward: () => forward('forward'),
  'small-ticks': () => forward('small-ticks', { eventsPerTick: 500 }),
};

const [name = ''] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  process.stderr.write(`Say which bench: ${Object.keys(BENCHES).join(', ')}.\n`);
  process.exit(2);
}
await bench();
