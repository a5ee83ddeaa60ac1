/** WGSL is imported as text, and a native library, with { type: 'file' }, as its path. */
declare module '*.wgsl' {
  const source: string
  export default source
}
declare module '*.dll' {
  const path: string
  export default path
}
declare module '*.node' {
  const path: string
  export default path
}
