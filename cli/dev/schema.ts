/**
 * Writes orbit/rules/certificate/certificate.schema.json anew after a schema has changed:
 * `node cli/dev/setup.mjs cli/dev/schema.ts`.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificateSchema } from '../../orbit/rules/certificate/schema.ts'

const path = join(import.meta.dir, '../../orbit/rules/certificate/certificate.schema.json')
writeFileSync(path, `${JSON.stringify(certificateSchema(), null, 2)}\n`)
console.log(`${path}: written; \`biome check --write\` formats it`)
