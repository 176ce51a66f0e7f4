// What the page draws its maps and tables from, as the file says it. Pure.
import type { Config } from '../../config/config.ts';
import { isAny } from '../../config/sections/host.ts';
import { workName } from '../../config/worked.ts';
import type { Layout } from './state.ts';

export function layoutOf(config: Config, version: string): Layout {
  const hosts = new Map<string, string[]>();
  for (const { name, moverHost } of config.shards) {
    const host = isAny(moverHost) ? 'any host' : moverHost;
    hosts.set(host, [...(hosts.get(host) ?? []), name]);
  }
  return {
    name: config.name,
    version,
    fileHash: config.hash,
    actions: config.http?.actions ?? false,
    hosts: [...hosts].map(([name, shards]) => ({ name, shards })),
    queues: config.queues.flatMap(({ name, from, workers, groups = [] }) => [
      { name, from, isWorked: workers !== 'none' },
      ...groups.map((group) => ({
        name: workName(name, group.name),
        from: [],
        isWorked: true,
        groupOf: name,
      })),
    ]),
  };
}
