// `import()`, in a file of its own: compiled.ts leaves it to Node, for what was kept of a file could import nothing.

/** Imports a package, or a file by its URL. */
export const importModule = (specifier: string): Promise<unknown> => import(specifier);
