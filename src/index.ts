// What a user imports: `import { defineHandler } from 'tributary'`.
export {};
