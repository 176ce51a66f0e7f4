// Serves the pages of a process until it is closed.
import { CentralPool } from '../central/central-pool.ts';
import type { HttpAddress } from '../config/config.ts';
import { MOST_STREAMS } from '../config/sections/live.ts';
import { figuredNames } from '../config/worked.ts';
import { SlowFigures } from '../observability/metrics/read-slow.ts';
import { groupName } from '../queue/names.ts';
import { Asking } from './dashboard/asking.ts';
import { Retries } from './dashboard/retries.ts';
import { addDashboard } from './dashboard/routes.ts';
import { StateStream } from './dashboard/stream.ts';
import { DashboardView } from './dashboard/view.ts';
import { pagesOf, type Shown } from './health/pages.ts';
import { LagView } from './lag-view.ts';
import { livePart } from './live/part.ts';
import { addLive, LIVE_PATH } from './live/routes.ts';
import { LiveStreams } from './live/streams.ts';
import { refusalOf } from './server/address.ts';
import { HttpServer } from './server/server.ts';
import { ShardView } from './shard-view.ts';

/** To central, for all that is served. */
const MOST_CONNECTIONS = 2;

export interface ServeOptions {
  readonly address: HttpAddress;
  readonly shown: Omit<Shown, 'view' | 'slow'>;
}

export interface Serving {
  readonly refusal?: undefined;
  readonly url: string;
  close(): Promise<void>;
}

/** @returns the server, or why nothing may be served. @throws the system's error where the address cannot be listened on. */
export async function serve({
  address,
  shown,
}: ServeOptions): Promise<Serving | { readonly refusal: string }> {
  const { config } = shown;
  const { token, base, live } = config.http ?? {};
  const refusal = refusalOf(address, token);
  if (refusal !== undefined) return { refusal };
  const pool = new CentralPool(config, { purpose: 'http', most: MOST_CONNECTIONS });
  const view = new LagView(config, pool);
  const slow = new SlowFigures(pool, () => ({
    queues: figuredNames(config),
    schedules: config.schedules,
  }));
  const retries = new Retries(pool, { group: groupName(config), host: shown.duties.host });
  const stopped = new AbortController();
  const dashboard = new DashboardView(config, { lag: view, pool });
  const stream = new StateStream({ layout: () => dashboard.layout, state: () => dashboard.state() });
  const most = live?.streams ?? MOST_STREAMS;
  const streams = new LiveStreams({
    central: config.central,
    applicationName: `tributary live ${config.name}`,
    most,
  });
  const server = new HttpServer({
    ...{ address, token, base },
    pages: pagesOf({ ...shown, view, slow, parts: [...shown.parts, livePart(streams)] }),
    ...{ ownChecks: [LIVE_PATH], streams: most },
    // Each by itself: what one checks is no matter of the other.
    more: (app, tools) => {
      app.register(async (own) => addLive(own, { ...tools, config, streams }));
      app.register(async (own) =>
        addDashboard(own, {
          ...{ config, pool, view, stream, retries },
          shards: new ShardView(config),
          asking: new Asking(),
          signal: stopped.signal,
        }),
      );
    },
  });
  const close = async () => {
    stopped.abort();
    await Promise.all([stream.close(), streams.close(), retries.close(), server.close()]);
    await view.close();
  };
  try {
    await server.listen();
  } catch (error) {
    await close();
    throw error;
  }
  return { url: server.url, close };
}
