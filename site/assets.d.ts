/**
 * Files taken into the program as text, so that a compiled binary carries them: import x from
 * './x.eta' with { type: 'text' }
 */
declare module '*.eta' {
  const text: string
  export default text
}

declare module '*.css' {
  const text: string
  export default text
}
