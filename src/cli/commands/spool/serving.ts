// What `tributary spool` serves over HTTP while it delivers.
import type { SpoolNow } from '../../../http/health/spool-pages.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { SeenLoop } from '../../../lifecycle/watchdog.ts';
import type { ServiceContext } from '../../context.ts';
import { EXIT, Exit } from '../../exit.ts';
import { listenAddress, whyNot } from '../../serving.ts';

interface Served {
  /** Undefined: nothing is served. */
  readonly http: string | undefined;
  readonly now: () => SpoolNow;
  readonly loops: () => readonly SeenLoop[];
}

/** @throws Exit where nothing can or may be served there. */
export async function whileServingSpool(
  { log, env }: ServiceContext,
  { http, now, loops }: Served,
  work: () => Promise<void>,
): Promise<void> {
  if (http === undefined) return await work();
  const address = listenAddress(http);
  // Loaded only where it is asked for: starts are quicker.
  const [{ refusalOf }, { HttpServer }, { spoolPages }, { Liveness }] = await Promise.all([
    import('../../../http/server/address.ts'),
    import('../../../http/server/server.ts'),
    import('../../../http/health/spool-pages.ts'),
    import('../../../http/health/liveness.ts'),
  ]);
  const token = env.TRIBUTARY_HTTP_TOKEN;
  const refusal = refusalOf(address, token, 'the environment variable TRIBUTARY_HTTP_TOKEN');
  if (refusal !== undefined) throw new Exit(EXIT.wrong, refusal);
  const liveness = new Liveness({ loops, stillMs: TIMING.watchdog.stillMs });
  const server = new HttpServer({ address, token, pages: spoolPages(now, () => liveness.still) });
  try {
    await server.listen();
  } catch (error) {
    liveness.close();
    await server.close();
    throw new Exit(EXIT.failed, whyNot(address, error, ''));
  }
  log.info({ url: server.url }, `serving ${server.url}/livez, /readyz and /metrics`);
  try {
    await work();
  } finally {
    liveness.close();
    await server.close();
  }
}
