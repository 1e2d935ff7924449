module "data_database" {
  source = "../firestore_database"

  project_id   = var.project.id
  name         = var.environment
  location     = var.firestore_location
  rules_path   = var.rules_path
  indexes_path = var.indexes_path
}

# The sandbox's bank is another party: docs/decisions/0005-sandbox-bank-apart.md
module "bank_database" {
  source = "../firestore_database"
  count  = local.has_bank ? 1 : 0

  project_id   = var.project.id
  name         = "${var.environment}-bank"
  location     = var.firestore_location
  rules_path   = var.rules_path
  indexes_path = var.indexes_path
}

locals {
  databases = merge(
    {
      control = { name = "(default)", resource_name = "projects/${var.project.id}/databases/(default)" }
      data    = { name = module.data_database.name, resource_name = module.data_database.resource_name }
    },
    { for database in module.bank_database : "bank" => { name = database.name, resource_name = database.resource_name } },
  )

  database_access = merge([
    for name, entry in local.functions : {
      for database in entry.databases : "${name}/${database}" => {
        function = name
        database = local.databases[database]
        role     = database != "control" || try(entry.control_writer, false) ? "roles/datastore.user" : "roles/datastore.viewer"
      }
    }
  ]...)
}

# Firestore has no IAM of its own per database: the project's grant holds for one database by its condition.
resource "google_project_iam_member" "database" {
  for_each = local.database_access

  project = var.project.id
  role    = each.value.role
  member  = local.function_members[each.value.function]

  condition {
    title       = "database-${trim(each.value.database.name, "()")}"
    description = "This database only"
    expression  = "resource.name == \"${each.value.database.resource_name}\""
  }
}
