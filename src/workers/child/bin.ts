// The program of a worker, as `npm run build` puts it together; main.ts is what it does.
import { runKept } from '../../lifecycle/program/compiled.ts';

runKept('worker-main.js', 'worker');
