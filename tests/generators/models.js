// Generates TypeScript interfaces from the AsyncAPI document asyncapi.json into the folder models.
import { readFileSync, writeFileSync } from "node:fs"

import { TypeScriptGenerator } from "@asyncapi/modelina"

const generator = new TypeScriptGenerator({ modelType: "interface" })
const document = JSON.parse(readFileSync("asyncapi.json", "utf8"))
for (const model of await generator.generateCompleteModels(document, { exportType: "named" })) {
  writeFileSync(`models/${model.modelName}.ts`, model.result)
}
