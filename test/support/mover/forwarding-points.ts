import { FAIL_POINTS } from '../../../src/lifecycle/fail-point.ts';

/** The fail points of moving: a mover without delayed events and schedules passes no others. */
export const FORWARDING_POINTS = FAIL_POINTS.filter((point) => !/^(delayed|schedule):/.test(point));
