// The time while the shop is open: draws tables, and half-way kills a mover and a worker.
import { wait } from '../../lifecycle/wait.ts';
import { seconds } from '../terminal/output.ts';
import { killMover, killWorker } from './accidents.ts';
import { DemoFigures } from './figures.ts';
import type { Installed } from './stage.ts';

const REDRAW_MS = 1_000;
/** Between two blocks where nothing can be redrawn. */
const REPEAT_MS = 5_000;
/** After this long without an event, no more are expected. */
const STALLED_MS = 60_000;

/** Until every shard has its mover and every queue its workers. */
export async function staffed({ stage, config, ledger: { central } }: Installed): Promise<void> {
  for (;;) {
    const [row] = await stage.unlessStopped(
      central.query<{ moved: number; missing: number }>(
        `select (select count(*) from tributary.lease l where l.is_held and l.resource like 'shard:%') as moved,
                (select coalesce(sum(w.wanted), 0) from tributary.worker_pool w)
              - (select coalesce(sum(r.value::int), 0) from tributary.member m, jsonb_each_text(m.details -> 'running') r
                  where m.kind = 'work' and m.until > clock_timestamp()) as missing`,
      ),
    );
    if (row !== undefined && row.moved >= config.shards.length && row.missing <= 0) return;
    await wait(100, stage.signal);
  }
}

/** For as long as the options say, and until both accidents are over. */
export async function openHours(installed: Installed): Promise<void> {
  const { stage } = installed;
  const over = new AbortController();
  const drawing = draw(installed, AbortSignal.any([stage.signal, over.signal]));
  try {
    const hours = Promise.all([accidents(installed), wait(stage.options.forMs, stage.signal)]);
    await stage.unlessStopped(Promise.race([hours, drawing.then(() => hours)]));
  } finally {
    over.abort();
  }
  await stage.unlessStopped(drawing);
}

/** Draws until the signal. */
export async function draw(installed: Installed, signal: AbortSignal): Promise<void> {
  const { screen } = installed.stage;
  const figures = new DemoFigures(installed);
  try {
    while (!signal.aborted) {
      await wait(screen.isTerminal ? REDRAW_MS : REPEAT_MS, signal);
      if (signal.aborted) break;
      const text = await figures.text();
      if (!signal.aborted) screen.block(text);
    }
  } finally {
    await figures.close();
  }
}

/** Waits until handlers have written a row for every event, or no more come. @returns whether all came. */
export async function settled({ stage, ledger }: Installed): Promise<boolean> {
  let best = -1;
  let bestMs = performance.now();
  for (;;) {
    const counts = [...(await stage.unlessStopped(ledger.counts())).values()];
    if (counts.every(({ committed, handled }) => handled >= committed)) return true;
    const handled = counts.reduce((sum, queue) => sum + queue.handled, 0);
    if (handled > best) [best, bestMs] = [handled, performance.now()];
    if (performance.now() - bestMs > STALLED_MS) return false;
    await wait(100, stage.signal);
  }
}

async function accidents({ stage, config, ledger: { central } }: Installed): Promise<void> {
  const { screen, signal } = stage;
  await wait(stage.options.forMs / 2, signal);
  if (signal.aborted) return;
  const mover = await killMover(central, signal);
  if (mover !== undefined) {
    screen.line(`killed the mover (pid ${mover.pid}) with SIGKILL`);
    screen.line(`a new mover took over after ${seconds(await mover.recoveredS())}`);
  }
  const worker = await killWorker(central, { queue: config.queues[0]?.name ?? '', signal });
  if (worker !== undefined) {
    screen.line(`killed the worker ${worker.slot} (pid ${worker.pid}) with SIGKILL`);
    screen.line(`a new ${worker.slot} was at work after ${seconds(await worker.recoveredS())}`);
  }
}
