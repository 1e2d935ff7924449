mock_provider "google" {}

variables {
  project_id   = "tok-test"
  name         = "live"
  location     = "europe-west1"
  rules_path   = "../../firestore.rules"
  indexes_path = "tests/indexes.json"
}

run "a_database_is_protected" {
  command = plan

  module {
    source = "./modules/firestore_database"
  }

  assert {
    condition     = google_firestore_database.this.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
    error_message = "There is no point-in-time recovery."
  }
  assert {
    condition     = google_firestore_database.this.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "The database can be deleted."
  }
  assert {
    condition     = google_firestore_backup_schedule.weekly.retention == "8467200s" && google_firestore_backup_schedule.daily.retention == "604800s"
    error_message = "Backups are not kept."
  }
  assert {
    condition     = google_firebaserules_release.this.name == "cloud.firestore/live" && google_firebaserules_ruleset.this.source[0].files[0].content == file("../../firestore.rules")
    error_message = "The repository's rules are not released for this database."
  }
}

run "the_default_database_has_the_short_release_name" {
  command = plan

  module {
    source = "./modules/firestore_database"
  }
  variables {
    name = "(default)"
  }

  assert {
    condition     = google_firebaserules_release.this.name == "cloud.firestore"
    error_message = "The rules are released elsewhere."
  }
}

run "indexes_come_from_firebases_file" {
  command = plan

  module {
    source = "./modules/firestore_database"
  }

  assert {
    condition     = [for field in google_firestore_index.this["books/COLLECTION_GROUP/shelf ASCENDING,dueAt DESCENDING,__name__ DESCENDING"].fields : "${field.field_path} ${field.order}"] == ["shelf ASCENDING", "dueAt DESCENDING", "__name__ DESCENDING"]
    error_message = "An index does not end in __name__, ordered as its last field: the provider would replan for ever."
  }
  assert {
    condition     = [for field in google_firestore_index.this["books/COLLECTION/__name__ DESCENDING"].fields : field.field_path] == ["__name__"]
    error_message = "A descending scan by name has no index of its own."
  }
  assert {
    condition     = google_firestore_index.this["books/COLLECTION/tags CONTAINS,title ASCENDING,__name__ ASCENDING"].fields[0].array_config == "CONTAINS"
    error_message = "An array index lost its configuration."
  }
  assert {
    condition     = contains(keys(google_firestore_index.this), "books/COLLECTION/shelf DESCENDING,tags CONTAINS,__name__ ASCENDING")
    error_message = "After an array, __name__ is not ascending."
  }
  assert {
    condition     = length(google_firestore_field.this["books/cover"].index_config[0].indexes) == 0 && length(google_firestore_field.this["books/cover"].ttl_config) == 0
    error_message = "A large field is indexed."
  }
  assert {
    condition     = length(google_firestore_field.this["loans/endsAt"].ttl_config) == 1 && length(google_firestore_field.this["loans/endsAt"].index_config) == 0
    error_message = "TTL is not set, or it took the field's indexes away."
  }
  assert {
    condition     = one(google_firestore_field.this["loans/dueAt"].index_config[0].indexes).query_scope == "COLLECTION_GROUP"
    error_message = "A field's own index has another scope."
  }
}

run "the_repositorys_own_indexes_are_taken" {
  command = plan

  module {
    source = "./modules/firestore_database"
  }
  variables {
    indexes_path = "../../firestore.indexes.json"
  }

  assert {
    condition     = length(google_firestore_field.this) == length(jsondecode(file("../../firestore.indexes.json")).fieldOverrides)
    error_message = "Overrides of the same field hide each other."
  }
  assert {
    condition     = length(google_firestore_index.this) == length(jsondecode(file("../../firestore.indexes.json")).indexes)
    error_message = "Two indexes are the same."
  }
}
