/**
 * `import path from './kernel.wasm' with { type: 'file' }`: the file's path, in a compiled binary
 * too.
 */
declare module '*.wasm' {
  const path: string
  export default path
}
