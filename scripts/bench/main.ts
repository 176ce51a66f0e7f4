// npm run bench -- NAME: measures one thing against its reference in the same run. Needs Debian's psql for the raw pipe.
import { apply } from './apply.ts';
import { changing } from './changing.ts';
import { cost } from './cost.ts';
import { delays } from './delays.ts';
import { engine, TRIGGER_OPTIONS } from './engine.ts';
import { failing } from './failing.ts';
import { failover } from './failover.ts';
import { forward } from './forward.ts';
import { giant } from './giant.ts';
import { goodput } from './goodput.ts';
import { held } from './held.ts';
import { idle } from './idle.ts';
import { isolation } from './isolation.ts';
import { lanes } from './lanes.ts';
import { latency } from './latency.ts';
import { live } from './live.ts';
import { notes } from './notes.ts';
import { queueMover } from './queue-mover.ts';
import { replication } from './replication/main.ts';
import { rounds } from './rounds.ts';
import { scrape } from './scrape.ts';
import { sideBySide } from './side-by-side.ts';
import { watched } from './watched.ts';
import { work } from './work.ts';

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  apply: () => apply('apply'),
  changing: () => changing('changing'),
  cost: () => cost('cost'),
  delays: () => delays('delays'),
  engine: () => engine('engine'),
  failing: () => failing('failing'),
  failover: () => failover('failover'),
  forward: () => forward('forward'),
  fleet: () => latency('fleet', { databases: 256, queues: 5, rate: 5_000, seconds: 20 }),
  giant: () => giant('giant'),
  goodput: () => goodput('goodput'),
  held: () => held('held'),
  'host-share': () => latency('host-share', { databases: 16, queues: 5, rate: 1_600, seconds: 20 }),
  idle: () => idle('idle'),
  isolation: () => isolation('isolation'),
  lanes: () => lanes('lanes'),
  live: () => live('live'),
  notes: () => notes('notes'),
  'queue-mover': () => queueMover('queue-mover'),
  replication: () => replication('replication'),
  rounds: () => rounds('rounds'),
  scrape: () => scrape('scrape'),
  'side-by-side': () => sideBySide('side-by-side'),
  'small-ticks': () => forward('small-ticks', { eventsPerTick: 500 }),
  triggers: () => engine('triggers', { options: TRIGGER_OPTIONS, rounds: 7 }),
  watched: () => watched('watched'),
  work: () => work('work'),
};

const [name = ''] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  process.stderr.write(`Say which bench: ${Object.keys(BENCHES).join(', ')}.\n`);
  process.exit(2);
}
await bench();
