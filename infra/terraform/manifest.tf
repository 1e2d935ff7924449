locals {
  manifest = yamldecode(file(local.paths.manifest))
  bundles  = jsondecode(file("${local.paths.dist}/bundles.json")).functions

  environments = ["live", "sandbox"]
  labels       = { app = "tok" }

  # Relative paths start at this folder, wherever terraform runs.
  paths = {
    dist     = startswith(var.dist_folder, "/") ? var.dist_folder : "${path.module}/${var.dist_folder}"
    manifest = startswith(var.manifest_path, "/") ? var.manifest_path : "${path.module}/${var.manifest_path}"
    rules    = "${path.module}/../../firestore.rules"
    indexes  = "${path.module}/../../firestore.indexes.json"
  }
}
