export { default } from "temml"
