import { FAIL_POINTS } from '../../../src/lifecycle/fail-point.ts';

/** The fail points of moving: a mover without delayed events and schedules passes no others, and none of a spool ever. */
export const FORWARDING_POINTS = FAIL_POINTS.filter((point) => !/^(delayed|schedule|spool):/.test(point));
