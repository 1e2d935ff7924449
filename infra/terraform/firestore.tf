# The control plane: organisations, users, API keys. Functions of both environments read it.
module "control_database" {
  source = "./modules/firestore_database"

  project_id   = var.project_id
  name         = "(default)"
  location     = var.firestore_location
  rules_path   = local.paths.rules
  indexes_path = local.paths.indexes

  depends_on = [google_project_service.this]
}
