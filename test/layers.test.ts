/** Who may import whom (DESIGN.md, "Layout"). */
import { expect, test } from 'bun:test'
import { dirname, relative, resolve } from 'node:path'
import { Glob } from 'bun'

const root = resolve(import.meta.dir, '..')

/** Longest prefix first. */
const LAYERS = ['orbit/rules', 'orbit/node', 'kernels', 'templates', 'site', 'cli'] as const
type Layer = (typeof LAYERS)[number]
const MAY_IMPORT: Record<Layer, readonly Layer[]> = {
  kernels: [],
  templates: [],
  'orbit/rules': ['kernels'],
  'orbit/node': ['orbit/rules', 'kernels'],
  site: ['orbit/rules', 'kernels', 'templates'],
  cli: ['site', 'orbit/rules', 'orbit/node', 'kernels'],
}

const layerOf = (path: string): Layer | undefined => LAYERS.find((layer) => path.startsWith(`${layer}/`))

interface Import {
  readonly from: string
  readonly to: string
}

/** Type imports count too: they are knowledge. */
function importsIn(file: string, source: string): string[] {
  return [...source.matchAll(/(?:from|import|import\()\s*['"]([^'"]+)['"]/g)]
    .map((match) => match[1]!)
    .filter((target) => target.startsWith('.'))
    .map((target) => relative(root, resolve(root, dirname(file), target)))
}

function forbidden(imports: readonly Import[]): Import[] {
  return imports.filter(({ from, to }) => {
    const [inner, outer] = [layerOf(from), layerOf(to)]
    return inner && outer && inner !== outer && !MAY_IMPORT[inner].includes(outer)
  })
}

async function allImports(): Promise<Import[]> {
  const imports: Import[] = []
  for await (const file of new Glob('{cli,kernels,orbit,site,templates}/**/*.{ts,tsx,mjs}').scan(root)) {
    const source = await Bun.file(resolve(root, file)).text()
    for (const to of importsIn(file, source)) imports.push({ from: file, to })
  }
  return imports
}

test('no import crosses the layers the wrong way', async () => {
  const imports = await allImports()
  expect(imports.length).toBeGreaterThan(50)
  expect(forbidden(imports)).toEqual([])
})

test('an import that does is found', () => {
  const source = `import { openNode } from '../node/open.ts'\nimport type { State } from "../rules/state.ts"`
  const imports = importsIn('orbit/rules/x.ts', source).map((to) => ({ from: 'orbit/rules/x.ts', to }))
  expect(forbidden(imports)).toEqual([{ from: 'orbit/rules/x.ts', to: 'orbit/node/plumbing.ts' }])
})

test('rules read no clock, no randomness and no system', async () => {
  const impure =
    /\b(Date\.now|new Date\(|performance\.|Math\.random|getRandomValues|process\.|Bun\.|fetch\(|setTimeout)\b|from 'node:/
  for await (const file of new Glob('orbit/rules/**/*.ts').scan(root)) {
    const source = await Bun.file(resolve(root, file)).text()
    expect({ file, found: impure.exec(source)?.[0] }).toEqual({ file, found: undefined })
  }
})
