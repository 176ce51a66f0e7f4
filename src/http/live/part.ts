// What metrics show of the streams of a process.
import { gauge } from '../../observability/metrics/figures.ts';
import type { Part } from '../health/parts.ts';
import type { LiveStreams } from './streams.ts';

export function livePart(streams: LiveStreams): Part {
  return {
    still: [],
    holdsCentral: false,
    get figures() {
      const { ended, open, read, refused, resets, sent } = streams.figures;
      return {
        tributary_live_streams: gauge([[], open]),
        tributary_live_messages_read_total: gauge([[], read]),
        tributary_live_messages_sent_total: gauge([[], sent]),
        tributary_live_resets_total: gauge([[], resets]),
        tributary_live_streams_ended_total: gauge([['slow'], ended.slow], [['expired'], ended.expired]),
        tributary_live_streams_refused_total: gauge([[], refused]),
      };
    },
  };
}
