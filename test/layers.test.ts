/** Who may import whom (DESIGN.md, "Layout"; HOUSE: folders in the order of the journey), and that nothing imports in a circle. */
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
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

/** The folders of a layer, and the files beside them, in order: each may import those before it, and none after it. */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  'orbit/rules': [
    'base',
    'network',
    'message',
    'membership',
    'deal',
    'answer',
    'quorum',
    'state',
    'draw',
    'certificate',
    'discovery',
  ],
  'orbit/node': [
    'async',
    'storage',
    'part.ts',
    'home',
    'p2p',
    'log',
    'orbit-node.ts',
    'plumbing.ts',
    'beacon',
    'replica',
    'epoch',
    'work',
    'archive',
    'discovery',
    'offline',
    'service-events.ts',
    'parts.ts',
    'service.ts',
  ],
}

const layerOf = (path: string): Layer | undefined => LAYERS.find((layer) => path.startsWith(`${layer}/`))

interface Import {
  readonly from: string
  readonly to: string
}

/** The extensions that an import may leave out: those of AssemblyScript have none. */
const EXTENSIONS = ['', '.ts', '.tsx', '.mjs', '/index.ts']

/** Relative imports of a file, as paths from the root. Type imports count too: they are knowledge. */
function importsIn(file: string, source: string): string[] {
  const targets = [...source.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*['"](\.[^'"]+)['"]/g)].map((match) => match[1]!)
  return targets.map((target) => {
    const path = resolve(root, dirname(file), target)
    const extension = EXTENSIONS.find((end) => existsSync(path + end) && !existsSync(`${path + end}/.`)) ?? ''
    return relative(root, path + extension)
  })
}

function crossings(imports: readonly Import[]): Import[] {
  return imports.filter(({ from, to }) => {
    const [inner, outer] = [layerOf(from), layerOf(to)]
    return inner && outer && inner !== outer && !MAY_IMPORT[inner].includes(outer)
  })
}

/** Imports from a folder into one that comes after it, and folders that the order does not name. */
function outOfOrder(imports: readonly Import[], order = ORDER): string[] {
  return Object.entries(order).flatMap(([layer, folders]) => {
    const folderOf = (path: string) => path.slice(layer.length + 1).split('/')[0]!
    const inside = imports.filter(({ from, to }) => [from, to].every((path) => path.startsWith(`${layer}/`)))
    return inside.flatMap(({ from, to }) => {
      const [inner, outer] = [folders.indexOf(folderOf(from)), folders.indexOf(folderOf(to))]
      if (inner === -1) return [`${from}: its folder is not in the order of ${layer}`]
      return outer > inner ? [`${from} imports ${to}`] : []
    })
  })
}

/**
 * The circles that imports run in: of each set of files that reach one another, a shortest circle through its first file,
 * as "a -> b -> a". Sorted.
 */
function circlesIn(imports: readonly Import[]): string[] {
  const targets = Map.groupBy(imports, ({ from }) => from)
  const next = (file: string) => (targets.get(file) ?? []).map(({ to }) => to)
  const circles: string[] = []
  const done = new Set<string>()
  for (const start of [...targets.keys()].sort()) {
    if (done.has(start)) continue
    const cameFrom = new Map<string, string>()
    const queue = [start]
    for (const file of queue) {
      for (const to of next(file)) {
        if (cameFrom.has(to)) continue
        cameFrom.set(to, file)
        queue.push(to)
      }
    }
    if (!cameFrom.has(start)) continue
    const circle = [start]
    for (let at = cameFrom.get(start)!; at !== start; at = cameFrom.get(at)!) circle.unshift(at)
    for (const file of circle) done.add(file)
    circles.push([start, ...circle].join(' -> '))
  }
  return circles
}

async function allImports(): Promise<Import[]> {
  const imports: Import[] = []
  for await (const file of new Glob('{cli,kernels,orbit,site,templates}/**/*.{ts,tsx,mjs}').scan(root)) {
    if (file.includes('node_modules')) continue
    const source = await Bun.file(resolve(root, file)).text()
    for (const to of importsIn(file, source)) imports.push({ from: file, to })
  }
  return imports
}

const imports = await allImports()

test('no import crosses the layers the wrong way', () => {
  expect(imports.length).toBeGreaterThan(1000)
  expect(crossings(imports)).toEqual([])
})

test('an import that does is found', () => {
  const source = `import { openNode } from '../node/plumbing.ts'\nimport type { State } from "../rules/state.ts"`
  const found = importsIn('orbit/rules/x.ts', source).map((to) => ({ from: 'orbit/rules/x.ts', to }))
  expect(crossings(found)).toEqual([{ from: 'orbit/rules/x.ts', to: 'orbit/node/plumbing.ts' }])
})

test('a folder imports only folders before it', () => {
  expect(outOfOrder(imports)).toEqual([])
})

test('an import of a folder after it, and a folder of no order, are found', () => {
  const order = { a: ['first', 'second'] }
  const found = (from: string, to: string) => outOfOrder([{ from, to }], order)
  expect(found('a/second/x.ts', 'a/first/y.ts')).toEqual([])
  expect(found('a/first/x.ts', 'a/first/y.ts')).toEqual([])
  expect(found('a/first/x.ts', 'a/second/y.ts')).toEqual(['a/first/x.ts imports a/second/y.ts'])
  expect(found('a/third/x.ts', 'a/first/y.ts')).toEqual(['a/third/x.ts: its folder is not in the order of a'])
})

test('no file imports itself, by whatever way round', () => {
  expect(circlesIn(imports)).toEqual([])
})

test('a circle is found and shown', () => {
  const edges = (...pairs: string[]) => pairs.map((pair) => ({ from: pair[0]!, to: pair[1]! }))
  expect(circlesIn(edges('ab', 'bc', 'ac'))).toEqual([])
  expect(circlesIn(edges('aa'))).toEqual(['a -> a'])
  expect(circlesIn(edges('ab', 'bc', 'cd', 'db', 'xy', 'yx'))).toEqual(['b -> c -> d -> b', 'x -> y -> x'])
})

test('imports without an extension are followed', () => {
  const [from] = importsIn('kernels/wasm/assembly/jumps.ts', `import { a } from './wide'`)
  expect(from).toBe('kernels/wasm/assembly/wide.ts')
})

/** A name at the top of a file that something is written to later; what is typed as read-only can't be. */
const WRITTEN_TO =
  /^(?:export )?(?:let|var) \w+|^(?:export )?const \w+\b(?!: Readonly)[^=\n]* = (?:new (?:Weak)?(?:Map|Set)\b|\[\]|\{\})/m

test('rules keep nothing by themselves: their memory is a parameter (base/memory.ts)', async () => {
  for await (const file of new Glob('orbit/rules/**/*.ts').scan(root)) {
    const source = await Bun.file(resolve(root, file)).text()
    expect({ file, found: WRITTEN_TO.exec(source)?.[0] }).toEqual({ file, found: undefined })
  }
  for (const kept of [
    'let x = 1',
    'const x = new Map<A, B>()',
    'export const x: Set<A> = new Set()',
    'const x: A[] = []',
  ]) {
    expect(WRITTEN_TO.test(`import a\n${kept}\n`)).toBe(true)
  }
  for (const fine of ['  const x = new Map()', 'const x: ReadonlyMap<A, B> = new Map()', 'const x = () => new Map()']) {
    expect(WRITTEN_TO.test(`import a\n${fine}\n`)).toBe(false)
  }
})

test('rules read no clock, no randomness and no system', async () => {
  const impure =
    /\b(Date\.now|new Date\(|performance\.|Math\.random|getRandomValues|process\.|Bun\.|fetch\(|setTimeout)\b|from 'node:/
  for await (const file of new Glob('orbit/rules/**/*.ts').scan(root)) {
    const source = await Bun.file(resolve(root, file)).text()
    expect({ file, found: impure.exec(source)?.[0] }).toEqual({ file, found: undefined })
  }
})
