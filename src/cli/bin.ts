#!/usr/bin/env node
// The program `tributary`, as `npm run build` puts it together; main.ts is what it does.
import { runKept } from '../lifecycle/program/compiled.ts';

/** Each runs for long and uses much, the other commands little. */
const ALONE = ['mover', 'start', 'work'];

runKept('main.js', process.argv.find((word) => ALONE.includes(word)) ?? 'command');
